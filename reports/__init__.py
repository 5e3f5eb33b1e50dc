"""The report: records and tables of a run -> views -> figures and pictures -> one offline page."""
