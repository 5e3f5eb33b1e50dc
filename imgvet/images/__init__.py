"""From the bytes of a file to a decoded image, its metrics, its hash and its thumbnail."""
