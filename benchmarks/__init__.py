"""Programs that measure imgvet: ``python -m benchmarks`` prints the numbers to meet."""
