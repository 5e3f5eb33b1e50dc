"""The embedding model, and what is computed with it."""
