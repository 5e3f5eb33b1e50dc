"""Search in the results of a finished run: by picture, and by what the tables say."""
