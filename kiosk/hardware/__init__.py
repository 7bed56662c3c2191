"""Device drivers, each in a child process of its own."""
