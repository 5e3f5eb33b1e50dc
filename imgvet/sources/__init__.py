"""Where items come from: listing and reading."""
