"""Results handed on and brought in: exports, work dirs of fastdup, runs and data sets compared."""
