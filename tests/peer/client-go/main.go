// Command client-go is what most controllers are: a shared informer and leader election of Kubernetes' own
// Go client, used as its documentation says. It prints what it is told, one JSON object a line, and judges
// nothing.
//
//	client-go -kubeconfig FILE -namespace NAME -lease NAME -identity NAME [-lease-seconds 6]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// A line of output. All but the first field are about a ConfigMap.
type line struct {
	Event   string `json:"event"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Value   string `json:"value,omitempty"`
}

var output sync.Mutex

func say(l line) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		os.Exit(1) // Nobody listens any more.
	}
}

func tell(event string, object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		event, object = "vanished", unknown.Obj
	}
	configMap := object.(*corev1.ConfigMap)
	say(line{event, configMap.Name, configMap.ResourceVersion, configMap.Data["value"]})
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "where the server is, and who asks")
	namespace := flag.String("namespace", "default", "whose ConfigMaps are watched")
	lease := flag.String("lease", "client-go", "what is competed for")
	identity := flag.String("identity", "one", "this candidate's name")
	seconds := flag.Int("lease-seconds", 6, "how long the lease is held without a renewal")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fail(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		fail(err)
	}
	ctx := context.Background()
	if err := inform(ctx, client, *namespace); err != nil {
		fail(err)
	}
	length := time.Duration(*seconds) * time.Second
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: *namespace, Name: *lease},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: *identity},
	}
	for {
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock:          lock,
			LeaseDuration: length,
			RenewDeadline: length * 2 / 3,
			RetryPeriod:   length / 6,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { say(line{Event: "leading"}) },
				OnStoppedLeading: func() { say(line{Event: "lost"}) },
			},
		})
	}
}

// inform starts an informer that tells every change of a namespace's ConfigMaps.
func inform(ctx context.Context, client kubernetes.Interface, namespace string) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	_, err := factory.Core().V1().ConfigMaps().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { tell("added", object) },
		UpdateFunc: func(before, object any) {
			event := "modified"
			if before.(*corev1.ConfigMap).ResourceVersion == object.(*corev1.ConfigMap).ResourceVersion {
				// Nothing has changed: the informer has listed everything again.
				event = "listed again"
			}
			tell(event, object)
		},
		DeleteFunc: func(object any) { tell("deleted", object) },
	})
	factory.Start(ctx.Done())
	return err
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "client-go:", err)
	os.Exit(1)
}
