"""What each section shows, as plain data for its template; worded and marked up there."""
