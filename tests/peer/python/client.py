"""An informer and a candidate of a leader election, made with the Python client as its examples show.

It prints what it is told, one JSON object a line, and judges nothing.

    client.py -kubeconfig FILE -namespace NAME -lease NAME -identity NAME -lease-seconds 6
"""

import argparse
import json
import sys
import threading
import time

from kubernetes import client, config
from kubernetes.informer import SharedInformer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

OUTPUT = threading.Lock()


def say(event, **fields):
    with OUTPUT:
        print(json.dumps({"event": event, **fields}), flush=True)


def teller(event):
    def tell(config_map):
        metadata = config_map.metadata
        value = (config_map.data or {}).get("value")
        say(event, name=metadata.name, version=metadata.resource_version, value=value)

    return tell


def inform(namespace):
    informer = SharedInformer(client.CoreV1Api().list_namespaced_config_map, namespace=namespace)
    for kind, event in (("ADDED", "added"), ("MODIFIED", "modified"), ("DELETED", "deleted")):
        informer.add_event_handler(kind, teller(event))
    informer.start()
    return informer


def compete(options):
    """Competes once: returns when the lease is lost."""
    lock = LeaseLock(options.lease, options.namespace, options.identity)
    leaderelection.LeaderElection(
        electionconfig.Config(
            lock,
            lease_duration=options.lease_seconds,
            renew_deadline=options.lease_seconds * 2 / 3,
            retry_period=options.lease_seconds / 6,
            onstarted_leading=lambda: say("leading"),
            onstopped_leading=lambda: say("lost"),
        )
    ).run()


def main():
    parser = argparse.ArgumentParser()
    for name in ("kubeconfig", "namespace", "lease", "identity"):
        parser.add_argument("-" + name, required=True)
    parser.add_argument("-lease-seconds", type=int, default=6)
    options = parser.parse_args()
    config.load_kube_config(config_file=options.kubeconfig)
    informer = inform(options.namespace)
    while informer is not None:
        try:
            compete(options)
        except Exception as error:  # A server that is not there ends the library's loop.
            print("election:", error, file=sys.stderr)
            time.sleep(options.lease_seconds / 6)


main()
