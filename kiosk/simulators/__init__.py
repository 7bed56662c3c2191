"""Every outside party, each speaking its real protocol in its own process."""
