"""Other systems that are told of events: webhooks, Redis Streams, Prefect."""
