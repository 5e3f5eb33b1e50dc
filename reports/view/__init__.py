"""What the report says, as plain frozen dataclasses: tested without HTML, rendered by the page."""
