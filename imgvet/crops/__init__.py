"""Parts of pictures as items: boxes from annotations and detectors, cut out as crops."""
