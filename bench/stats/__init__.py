"""Statistics over subjects: they, not pixels, are what is drawn from a population.

`draws` says how often each subject enters each bootstrap resample, `intervals` what holds of one
number, `paired` of two methods, `ranks` of many over several tasks, `power` of more patients;
`by_subject` compares two methods by each subject's values, where a record has no replicates.
"""
