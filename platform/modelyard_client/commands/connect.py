"""The client that a command works with."""

from argparse import Namespace

from modelyard_client.client import Client


def client_of(asked: Namespace) -> Client:
    return Client(api_key=asked.api_key, url=asked.url, data_url=asked.data_url)
