"""Schedules and automations: monitored datasets on a Prefect server."""
