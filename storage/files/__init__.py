"""Bytes: blobs in GridFS, uploads on their way in, and the collection of what nothing refers to."""
