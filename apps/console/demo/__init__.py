"""The guided demonstration: walks the whole road over HTTP as a customer would, on data that ships with the project."""
