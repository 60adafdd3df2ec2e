// Command clientv3 drives a cluster through etcd's own Go client: what a program in another language
// than Keelson's would do. It prints "ok" when everything behaved, and exits with 1 and a reason
// otherwise.
//
//	clientv3 -endpoints http://127.0.0.1:2379,http://127.0.0.1:22379
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A step is one thing the client library can do; each has keys of its own.
type step struct {
	name string
	run  func(ctx context.Context, client *clientv3.Client, prefix string) error
}

var steps = []step{
	{"put and get", putAndGet},
	{"transaction", transaction},
	{"typed errors", typedErrors},
	{"watch", watch},
	{"watch from a compacted revision", watchCompacted},
	{"lease", lease},
	{"lock", lock},
	{"election", election},
}

func main() {
	endpoints := flag.String("endpoints", "http://127.0.0.1:2379", "comma separated client URLs")
	deadline := flag.Duration("deadline", time.Minute, "time for everything")
	flag.Parse()

	client, err := clientv3.New(clientv3.Config{
		Endpoints:   strings.Split(*endpoints, ","),
		DialTimeout: 5 * time.Second,
	})
	if err != nil {
		fail("connect", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), *deadline)
	defer cancel()
	run := fmt.Sprintf("clientv3-%d/", time.Now().UnixNano())
	for _, s := range steps {
		if err := s.run(ctx, client, run+s.name+"/"); err != nil {
			fail(s.name, err)
		}
		fmt.Fprintln(os.Stderr, "done:", s.name)
	}
	fmt.Println("ok")
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}

func putAndGet(ctx context.Context, client *clientv3.Client, prefix string) error {
	for _, name := range []string{"a", "b", "c"} {
		if _, err := client.Put(ctx, prefix+name, "value of "+name); err != nil {
			return err
		}
	}
	got, err := client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend), clientv3.WithLimit(2))
	if err != nil {
		return err
	}
	if got.Count != 3 || !got.More || len(got.Kvs) != 2 || string(got.Kvs[0].Value) != "value of c" {
		return fmt.Errorf("two of three keys, last first: got %v", got)
	}
	old, err := client.Get(ctx, prefix+"c", clientv3.WithRev(got.Kvs[0].ModRevision-1))
	if err != nil {
		return err
	}
	if len(old.Kvs) != 0 {
		return fmt.Errorf("a key is visible before it was created: %v", old.Kvs)
	}
	return nil
}

func transaction(ctx context.Context, client *clientv3.Client, prefix string) error {
	create := func(value string) (*clientv3.TxnResponse, error) {
		return client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(prefix+"k"), "=", 0)).
			Then(clientv3.OpPut(prefix+"k", value)).
			Else(clientv3.OpGet(prefix + "k")).
			Commit()
	}
	first, err := create("first")
	if err != nil {
		return err
	}
	second, err := create("second")
	if err != nil {
		return err
	}
	if !first.Succeeded || second.Succeeded {
		return fmt.Errorf("succeeded: first %v, second %v", first.Succeeded, second.Succeeded)
	}
	kept := second.Responses[0].GetResponseRange().Kvs[0]
	if string(kept.Value) != "first" || kept.ModRevision != first.Header.Revision {
		return fmt.Errorf("the second create returned %v", kept)
	}
	return nil
}

func typedErrors(ctx context.Context, client *clientv3.Client, prefix string) error {
	if _, err := client.Put(ctx, prefix+"k", "v", clientv3.WithLease(987654321)); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("a put under an unknown lease: %v", err)
	}
	if _, err := client.Get(ctx, prefix+"k", clientv3.WithRev(1<<40)); !errors.Is(err, rpctypes.ErrFutureRev) {
		return fmt.Errorf("a get from the future: %v", err)
	}
	return nil
}

func watch(ctx context.Context, client *clientv3.Client, prefix string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	put, err := client.Put(ctx, prefix+"k", "1")
	if err != nil {
		return err
	}
	if _, err := client.Put(ctx, prefix+"k", "2"); err != nil {
		return err
	}
	events := client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(put.Header.Revision), clientv3.WithPrevKV())
	if _, err := client.Delete(ctx, prefix+"k"); err != nil {
		return err
	}
	var seen []string
	for response := range events {
		if err := response.Err(); err != nil {
			return err
		}
		for _, event := range response.Events {
			before := ""
			if event.PrevKv != nil {
				before = string(event.PrevKv.Value)
			}
			seen = append(seen, fmt.Sprintf("%s %s<-%s", event.Type, event.Kv.Value, before))
		}
		if len(seen) >= 3 {
			break
		}
	}
	if got := strings.Join(seen, ", "); got != "PUT 1<-, PUT 2<-1, DELETE <-2" {
		return fmt.Errorf("events: %s", got)
	}
	if err := client.RequestProgress(ctx); err != nil {
		return err
	}
	return nil
}

func watchCompacted(ctx context.Context, client *clientv3.Client, prefix string) error {
	first, err := client.Put(ctx, prefix+"k", "1")
	if err != nil {
		return err
	}
	last, err := client.Put(ctx, prefix+"k", "2")
	if err != nil {
		return err
	}
	if _, err := client.Compact(ctx, last.Header.Revision); err != nil {
		return err
	}
	// A watch is answered by whichever member its stream reached, out of what that member has applied.
	if err := compactedEverywhere(ctx, client, first.Header.Revision); err != nil {
		return err
	}
	response := <-client.Watch(ctx, prefix+"k", clientv3.WithRev(first.Header.Revision))
	if !errors.Is(response.Err(), rpctypes.ErrCompacted) || response.CompactRevision != last.Header.Revision {
		return fmt.Errorf("error %v, compact revision %d", response.Err(), response.CompactRevision)
	}
	return nil
}

// compactedEverywhere returns when each member refuses to look at the revision, as one that has applied
// its compaction does. A compaction is answered once the member that was asked has applied it.
func compactedEverywhere(ctx context.Context, client *clientv3.Client, revision int64) error {
	for _, endpoint := range client.Endpoints() {
		for {
			_, err := client.HashKV(ctx, endpoint, revision)
			if errors.Is(err, rpctypes.ErrCompacted) {
				break
			}
			if err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s has not compacted revision %d: %w", endpoint, revision, ctx.Err())
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}

func lease(ctx context.Context, client *clientv3.Client, prefix string) error {
	granted, err := client.Grant(ctx, 30)
	if err != nil {
		return err
	}
	if _, err := client.Put(ctx, prefix+"k", "v", clientv3.WithLease(granted.ID)); err != nil {
		return err
	}
	alive, err := client.KeepAliveOnce(ctx, granted.ID)
	if err != nil {
		return err
	}
	if alive.TTL != 30 {
		return fmt.Errorf("a renewed lease has %d s", alive.TTL)
	}
	left, err := client.TimeToLive(ctx, granted.ID, clientv3.WithAttachedKeys())
	if err != nil {
		return err
	}
	if left.GrantedTTL != 30 || len(left.Keys) != 1 {
		return fmt.Errorf("time to live: %v", left)
	}
	if _, err := client.Revoke(ctx, granted.ID); err != nil {
		return err
	}
	gone, err := client.Get(ctx, prefix+"k")
	if err != nil {
		return err
	}
	if gone.Count != 0 {
		return errors.New("the key outlived its lease")
	}
	if _, err := client.KeepAliveOnce(ctx, granted.ID); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("renewing a revoked lease: %v", err)
	}
	return nil
}

func lock(ctx context.Context, client *clientv3.Client, prefix string) error {
	one, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer one.Close()
	two, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer two.Close()
	first, second := concurrency.NewMutex(one, prefix), concurrency.NewMutex(two, prefix)
	if err := first.Lock(ctx); err != nil {
		return err
	}
	if err := second.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
		return fmt.Errorf("a second owner: %v", err)
	}
	owned := make(chan error, 1)
	go func() { owned <- second.Lock(ctx) }()
	if err := first.Unlock(ctx); err != nil {
		return err
	}
	if err := <-owned; err != nil {
		return err
	}
	return second.Unlock(ctx)
}

func election(ctx context.Context, client *clientv3.Client, prefix string) error {
	session, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer session.Close()
	candidate := concurrency.NewElection(session, prefix)
	if err := candidate.Campaign(ctx, "red"); err != nil {
		return err
	}
	if err := candidate.Proclaim(ctx, "blue"); err != nil {
		return err
	}
	leader, err := candidate.Leader(ctx)
	if err != nil {
		return err
	}
	if got := string(leader.Kvs[0].Value); got != "blue" {
		return fmt.Errorf("the leader says %q", got)
	}
	if err := candidate.Resign(ctx); err != nil {
		return err
	}
	if _, err := candidate.Leader(ctx); !errors.Is(err, concurrency.ErrElectionNoLeader) {
		return fmt.Errorf("after resigning: %v", err)
	}
	return nil
}
