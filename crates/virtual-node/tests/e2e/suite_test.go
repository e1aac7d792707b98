// The end-to-end suite of github.com/virtual-kubelet/virtual-kubelet, as its README tells providers to run it.
package e2e

import (
	"os"
	"testing"
	"time"

	suite "github.com/virtual-kubelet/virtual-kubelet/test/e2e"
)

// watchTimeout is how long one of its waits may take: the first pod of a fresh cluster is the slowest.
const watchTimeout = 30 * time.Second

func TestEndToEnd(t *testing.T) {
	suite.NewEndToEndTestSuite(suite.EndToEndTestSuiteConfig{
		Kubeconfig:   given(t, "KUBECONFIG"),
		Namespace:    given(t, "E2E_NAMESPACE"),
		NodeName:     given(t, "E2E_NODE"),
		WatchTimeout: watchTimeout,
	}).Run(t)
}

func given(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set", name)
	}
	return value
}
