"""Watching a dataset from run to run: history, baselines, alarms and all-clears."""
