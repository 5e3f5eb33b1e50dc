"""Checks of a dataset: rates against limits, with Great Expectations."""
