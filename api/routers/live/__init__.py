"""Routes of events: streams, sockets and webhooks."""
