"""What is known of the images beforehand: labels, splits and boxes, read and matched to files."""
