"""The HTTP service: thin routers over stores and coordinator."""
