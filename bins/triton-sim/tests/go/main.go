// Command triton-go-lives leads resources of CloudAPI through their whole lives with triton-go, a client that others
// wrote. Its arguments name the lives; it ends with 1 and says why when something is not as the manual has it.
//
// It reads TRITON_URL, TRITON_ACCOUNT, TRITON_KEY_ID and TRITON_KEY_FILE.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	triton "github.com/joyent/triton-go"
	"github.com/joyent/triton-go/account"
	"github.com/joyent/triton-go/authentication"
	"github.com/joyent/triton-go/compute"
	"github.com/joyent/triton-go/errors"
	"github.com/joyent/triton-go/identity"
	"github.com/joyent/triton-go/network"
	pkgerrors "github.com/pkg/errors"
)

// What the simulator's catalog has.
const (
	ubuntu        = "9c7b2205-22f1-4c2b-8f2f-5d0b6b3f2205"
	smallPackage  = "g4-highcpu-128M"
	biggerPackage = "g4-highcpu-256M"
	fabricNetwork = "a0ae9499-b476-4fef-9861-d0c25029378d"
	natNetwork    = "5983940e-58a5-4543-b732-c689b1fe4c08"
	waitLimit     = 20 * time.Second
	waitPause     = 50 * time.Millisecond
)

// cloud is triton-go's clients; headers are shared by all calls of one, so each life makes its own.
type cloud struct {
	compute  *compute.ComputeClient
	network  *network.NetworkClient
	account  *account.AccountClient
	identity *identity.IdentityClient
}

var lives = map[string]func(context.Context, *cloud) error{
	"account":       accountLife,
	"fabric":        fabricLife,
	"firewall-rule": firewallRuleLife,
	"image":         imageLife,
	"instance":      instanceLife,
	"labels":        labelsLife,
	"lookups":       lookupsLife,
	"nic":           nicLife,
	"rbac":          rbacLife,
	"snapshot":      snapshotLife,
	"volume":        volumeLife,
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, name := range os.Args[1:] {
		life, known := lives[name]
		if !known {
			fail("no life is called %s", name)
		}
		cloud, err := connect()
		if err != nil {
			fail("connecting: %v", err)
		}
		if err := life(ctx, cloud); err != nil {
			fail("%s: %v", name, err)
		}
		fmt.Println("ok", name)
	}
}

func fail(format string, values ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

func connect() (*cloud, error) {
	login := os.Getenv("TRITON_ACCOUNT")
	material, err := os.ReadFile(os.Getenv("TRITON_KEY_FILE"))
	if err != nil {
		return nil, err
	}
	signer, err := authentication.NewPrivateKeySigner(authentication.PrivateKeySignerInput{
		KeyID: os.Getenv("TRITON_KEY_ID"), PrivateKeyMaterial: material, AccountName: login,
	})
	if err != nil {
		return nil, err
	}
	config := &triton.ClientConfig{
		TritonURL: os.Getenv("TRITON_URL"), AccountName: login, Signers: []authentication.Signer{signer},
	}
	made := &cloud{}
	if made.compute, err = compute.NewClient(config); err != nil {
		return nil, err
	}
	if made.network, err = network.NewClient(config); err != nil {
		return nil, err
	}
	if made.account, err = account.NewClient(config); err != nil {
		return nil, err
	}
	made.identity, err = identity.NewClient(config)
	return made, err
}

// want is the first thing that does not hold, or nil.
func want(checks ...interface{}) error {
	for at := 0; at+1 < len(checks); at += 2 {
		if holds := checks[at].(bool); !holds {
			return fmt.Errorf("does not hold: %v", checks[at+1])
		}
	}
	return nil
}

// wantCode is nil when the error is CloudAPI's with that code.
func wantCode(err error, status int, code string) error {
	api, is := pkgerrors.Cause(err).(*errors.APIError)
	if !is {
		return fmt.Errorf("wanted %d %s, got %v", status, code, err)
	}
	if api.StatusCode != status || api.Code != code {
		return fmt.Errorf("wanted %d %s, got %d %s: %s", status, code, api.StatusCode, api.Code, api.Message)
	}
	return nil
}

// until asks until the answer is yes.
func until(ctx context.Context, what string, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for {
		yes, err := ask()
		if err != nil || yes {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited too long for %s", what)
		case <-time.After(waitPause):
		}
	}
}
