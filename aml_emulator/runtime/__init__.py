"""Starting and stopping: certificates, Azurite, the environment of the clients."""
