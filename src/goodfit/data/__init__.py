"""Raw data to tensors: read, profile, split, prepare."""
