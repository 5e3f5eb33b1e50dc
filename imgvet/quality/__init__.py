"""What is wrong with a dataset: leaks and label issues, and rates held against limits."""
