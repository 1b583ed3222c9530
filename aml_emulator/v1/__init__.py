"""One module per service of Azure ML, as the SDK calls it."""
