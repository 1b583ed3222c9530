"""What the emulator remembers: SQLite for records, Azurite for content."""
