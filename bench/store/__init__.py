"""The run store: records, predictions, fits and locks of one folder."""
