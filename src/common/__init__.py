"""What every stage shares: settings, errors, files, blob storage, console."""
