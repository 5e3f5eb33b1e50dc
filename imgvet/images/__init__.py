"""From the bytes of a file to a decoded, canonical picture and its thumbnail."""
