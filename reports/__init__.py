"""The report: records and tables of a run -> sections, figures and pictures -> offline pages."""
