"""The retina phantom: OCT B-scans with layers, a foveal pit, speckle and lesions."""
