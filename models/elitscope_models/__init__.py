"""Ensembles of segmentation networks: bundles, runtimes, and the numbers of one frame. Free of torch outside `training`."""
