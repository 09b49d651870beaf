"""ProxyAno: a proxy image bridges the input and its reconstruction (see README.md)."""
