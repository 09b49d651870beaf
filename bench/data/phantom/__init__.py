"""The embedded synthetic datasets: a brain and a retina."""
