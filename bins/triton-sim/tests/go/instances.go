package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/joyent/triton-go/compute"
	"github.com/joyent/triton-go/network"
)

// create makes an instance and waits until it runs.
func (c *cloud) create(ctx context.Context, input *compute.CreateInstanceInput) (*compute.Instance, error) {
	if input.Image == "" {
		input.Image = ubuntu
	}
	if input.Package == "" {
		input.Package = smallPackage
	}
	made, err := c.compute.Instances().Create(ctx, input)
	if err != nil {
		return nil, err
	}
	if made.State != "provisioning" {
		return nil, fmt.Errorf("a new instance is %s", made.State)
	}
	return c.untilState(ctx, made.ID, "running")
}

func (c *cloud) untilState(ctx context.Context, id, state string) (*compute.Instance, error) {
	var seen *compute.Instance
	err := until(ctx, id+" to be "+state, func() (bool, error) {
		var err error
		seen, err = c.compute.Instances().Get(ctx, &compute.GetInstanceInput{ID: id})
		return err == nil && seen.State == state, err
	})
	return seen, err
}

func (c *cloud) destroy(ctx context.Context, id string) error {
	if err := c.compute.Instances().Delete(ctx, &compute.DeleteInstanceInput{ID: id}); err != nil {
		return err
	}
	// The body of the 410 is the instance; triton-go takes it for an error without a code.
	return until(ctx, id+" to be gone", func() (bool, error) {
		_, err := c.compute.Instances().Get(ctx, &compute.GetInstanceInput{ID: id})
		if err == nil {
			return false, nil
		}
		return true, wantCode(err, 410, "")
	})
}

func instanceLife(ctx context.Context, c *cloud) error {
	instances := c.compute.Instances()
	made, err := c.create(ctx, &compute.CreateInstanceInput{
		Name:            "web0",
		Networks:        []string{fabricNetwork},
		Affinity:        []string{"role!=~web"},
		FirewallEnabled: true,
		Metadata:        map[string]string{"user-script": "#!/bin/sh\n"},
		Tags:            map[string]string{"role": "web"},
		CNS:             compute.InstanceCNS{Services: []string{"web", "api"}},
	})
	if err != nil {
		return err
	}
	id := made.ID
	if err := want(
		made.Name == "web0", "its name",
		made.Image == ubuntu, "its image",
		made.Package == smallPackage, "its package, by name",
		made.Brand == "lx" && made.Type == "smartmachine", "its brand",
		made.Memory == 128, "its memory",
		made.FirewallEnabled && !made.DeletionProtection && !made.Docker, "its switches",
		len(made.IPs) == 1 && made.IPs[0] == made.PrimaryIP, "its address",
		len(made.Networks) == 1 && made.Networks[0] == fabricNetwork, "its network",
		made.Tags["role"] == "web", "its tag",
		len(made.CNS.Services) == 2, fmt.Sprintf("its services: %v", made.CNS),
		made.Metadata["user-script"] == "#!/bin/sh\n", "its script",
		strings.HasPrefix(made.Metadata["root_authorized_keys"], "ssh-rsa "), "its keys",
		!made.Created.IsZero() && !made.Updated.Before(made.Created), "its times",
	); err != nil {
		return err
	}
	_, err = instances.Create(ctx, &compute.CreateInstanceInput{Name: "web0", Image: ubuntu, Package: smallPackage})
	if err := wantCode(err, 409, "ValidationFailed"); err != nil {
		return err
	}

	if err := instances.Stop(ctx, &compute.StopInstanceInput{InstanceID: id}); err != nil {
		return err
	}
	if _, err := c.untilState(ctx, id, "stopped"); err != nil {
		return err
	}
	if err := instances.Start(ctx, &compute.StartInstanceInput{InstanceID: id}); err != nil {
		return err
	}
	if _, err := c.untilState(ctx, id, "running"); err != nil {
		return err
	}
	if err := instances.Reboot(ctx, &compute.RebootInstanceInput{InstanceID: id}); err != nil {
		return err
	}
	if _, err := c.untilState(ctx, id, "running"); err != nil {
		return err
	}
	if err := instances.Resize(ctx, &compute.ResizeInstanceInput{ID: id, Package: biggerPackage}); err != nil {
		return err
	}
	if err := instances.Rename(ctx, &compute.RenameInstanceInput{ID: id, Name: "web1"}); err != nil {
		return err
	}
	if err := instances.DisableFirewall(ctx, &compute.DisableFirewallInput{ID: id}); err != nil {
		return err
	}
	protect := &compute.EnableDeletionProtectionInput{InstanceID: id}
	if err := instances.EnableDeletionProtection(ctx, protect); err != nil {
		return err
	}
	err = until(ctx, "the changes", func() (bool, error) {
		seen, err := instances.Get(ctx, &compute.GetInstanceInput{ID: id})
		return err == nil && seen.Name == "web1" && seen.Memory == 256 && seen.Package == biggerPackage &&
			!seen.FirewallEnabled && seen.DeletionProtection, err
	})
	if err != nil {
		return err
	}
	err = instances.Delete(ctx, &compute.DeleteInstanceInput{ID: id})
	if err := wantCode(err, 409, "CannotDestroyMachineError"); err != nil {
		return err
	}
	unprotect := &compute.DisableDeletionProtectionInput{InstanceID: id}
	if err := instances.DisableDeletionProtection(ctx, unprotect); err != nil {
		return err
	}
	err = until(ctx, "the protection to go", func() (bool, error) {
		seen, err := instances.Get(ctx, &compute.GetInstanceInput{ID: id})
		return err == nil && !seen.DeletionProtection, err
	})
	if err != nil {
		return err
	}

	listed, err := instances.List(ctx, &compute.ListInstancesInput{
		Name: "web", State: "running", Brand: "lx", Limit: 5, Tags: map[string]interface{}{"role": "web"},
	})
	if err != nil {
		return err
	}
	count, err := instances.Count(ctx, &compute.ListInstancesInput{})
	if err != nil {
		return err
	}
	if err := want(len(listed) == 1 && listed[0].ID == id, "the list", count == 1, "the count"); err != nil {
		return err
	}
	if err := c.destroy(ctx, id); err != nil {
		return err
	}
	tombstones, err := instances.List(ctx, &compute.ListInstancesInput{Tombstone: true})
	if err != nil {
		return err
	}
	count, err = instances.Count(ctx, &compute.ListInstancesInput{})
	if err != nil {
		return err
	}
	_, err = instances.Get(ctx, &compute.GetInstanceInput{ID: "00000000-0000-4000-8000-000000000000"})
	if err := wantCode(err, 404, "ResourceNotFound"); err != nil {
		return err
	}
	return want(len(tombstones) == 1 && count == 0, "the deleted one is listed with tombstone alone")
}

func labelsLife(ctx context.Context, c *cloud) error {
	instances := c.compute.Instances()
	made, err := c.create(ctx, &compute.CreateInstanceInput{Name: "labels"})
	if err != nil {
		return err
	}
	id := made.ID
	untilTags := func(wanted string) error {
		return until(ctx, "tags "+wanted, func() (bool, error) {
			tags, err := instances.ListTags(ctx, &compute.ListTagsInput{ID: id})
			return err == nil && fmt.Sprint(tags) == wanted, err
		})
	}
	if err := instances.AddTags(ctx, &compute.AddTagsInput{ID: id, Tags: map[string]string{"a": "1", "b.c": "d e"}}); err != nil {
		return err
	}
	if err := untilTags("map[a:1 b.c:d e]"); err != nil {
		return err
	}
	tag, err := instances.GetTag(ctx, &compute.GetTagInput{ID: id, Key: "b.c"})
	if err != nil {
		return err
	}
	if err := want(tag == `"d e"` || tag == "d e", "one tag: "+tag); err != nil {
		return err
	}
	if err := instances.DeleteTag(ctx, &compute.DeleteTagInput{ID: id, Key: "a"}); err != nil {
		return err
	}
	if err := untilTags("map[b.c:d e]"); err != nil {
		return err
	}
	if err := instances.ReplaceTags(ctx, &compute.ReplaceTagsInput{ID: id, Tags: map[string]string{"x": "y"}}); err != nil {
		return err
	}
	if err := untilTags("map[x:y]"); err != nil {
		return err
	}
	if err := instances.DeleteTags(ctx, &compute.DeleteTagsInput{ID: id}); err != nil {
		return err
	}
	if err := untilTags("map[]"); err != nil {
		return err
	}

	predicted, err := instances.UpdateMetadata(ctx, &compute.UpdateMetadataInput{ID: id, Metadata: map[string]string{"color": "blue"}})
	if err != nil {
		return err
	}
	if err := want(predicted["color"] == "blue", "the predicted metadata"); err != nil {
		return err
	}
	untilColor := func(wanted string) error {
		return until(ctx, "metadata", func() (bool, error) {
			metadata, err := instances.ListMetadata(ctx, &compute.ListMetadataInput{ID: id})
			return err == nil && metadata["color"] == wanted, err
		})
	}
	if err := untilColor("blue"); err != nil {
		return err
	}
	color, err := instances.GetMetadata(ctx, &compute.GetMetadataInput{ID: id, Key: "color"})
	if err != nil {
		return err
	}
	// triton-go hands out the body as it is.
	if err := want(color == "blue" || color == `"blue"`, "one entry of the metadata: "+color); err != nil {
		return err
	}
	if err := instances.DeleteMetadata(ctx, &compute.DeleteMetadataInput{ID: id, Key: "color"}); err != nil {
		return err
	}
	if err := untilColor(""); err != nil {
		return err
	}
	if err := instances.DeleteAllMetadata(ctx, &compute.DeleteAllMetadataInput{ID: id}); err != nil {
		return err
	}
	return c.destroy(ctx, id)
}

func firewallRuleLife(ctx context.Context, c *cloud) error {
	rules := c.network.Firewall()
	made, err := c.create(ctx, &compute.CreateInstanceInput{Name: "fw", Tags: map[string]string{"role": "web"}})
	if err != nil {
		return err
	}
	rule, err := rules.CreateRule(ctx, &network.CreateRuleInput{
		Enabled: true, Rule: `FROM any TO tag "role" = "web" ALLOW tcp PORT 443`, Description: "https",
	})
	if err != nil {
		return err
	}
	if err := want(
		rule.Enabled && rule.Description == "https", "what was created",
		rule.Rule == `FROM any TO tag "role" = "web" ALLOW tcp PORT 443`, "its text",
	); err != nil {
		return err
	}
	machines, err := rules.ListRuleMachines(ctx, &network.ListRuleMachinesInput{ID: rule.ID})
	if err != nil {
		return err
	}
	ofMachine, err := rules.ListMachineRules(ctx, &network.ListMachineRulesInput{MachineID: made.ID})
	if err != nil {
		return err
	}
	if err := want(
		len(machines) == 1 && machines[0].ID == made.ID, "the machines of the rule",
		len(ofMachine) == 1 && ofMachine[0].ID == rule.ID, "the rules of the machine",
	); err != nil {
		return err
	}
	disabled, err := rules.DisableRule(ctx, &network.DisableRuleInput{ID: rule.ID})
	if err != nil {
		return err
	}
	enabled, err := rules.EnableRule(ctx, &network.EnableRuleInput{ID: rule.ID})
	if err != nil {
		return err
	}
	updated, err := rules.UpdateRule(ctx, &network.UpdateRuleInput{
		ID: rule.ID, Enabled: false, Rule: "FROM any TO all vms BLOCK udp PORT 53",
	})
	if err != nil {
		return err
	}
	listed, err := rules.ListRules(ctx, &network.ListRulesInput{})
	if err != nil {
		return err
	}
	if err := want(
		!disabled.Enabled && enabled.Enabled && !updated.Enabled, "its switch",
		updated.Rule == "FROM any TO all vms BLOCK udp PORT 53", "its new text",
		len(listed) == 1 && listed[0].Rule == updated.Rule, "the list",
	); err != nil {
		return err
	}
	if err := rules.DeleteRule(ctx, &network.DeleteRuleInput{ID: rule.ID}); err != nil {
		return err
	}
	_, err = rules.GetRule(ctx, &network.GetRuleInput{ID: rule.ID})
	if err := wantCode(err, 404, "ResourceNotFound"); err != nil {
		return err
	}
	_, err = rules.CreateRule(ctx, &network.CreateRuleInput{Rule: "FROM nowhere"})
	if err := wantCode(err, 422, "InvalidParameters"); err != nil {
		return err
	}
	return c.destroy(ctx, made.ID)
}

func nicLife(ctx context.Context, c *cloud) error {
	instances := c.compute.Instances()
	made, err := c.create(ctx, &compute.CreateInstanceInput{Name: "nics", Networks: []string{fabricNetwork}})
	if err != nil {
		return err
	}
	added, err := instances.AddNIC(ctx, &compute.AddNICInput{InstanceID: made.ID, Network: natNetwork})
	if err != nil {
		return err
	}
	if err := want(added.Network == natNetwork && added.MAC != "", "the NIC that was added"); err != nil {
		return err
	}
	err = until(ctx, "the NIC", func() (bool, error) {
		nic, err := instances.GetNIC(ctx, &compute.GetNICInput{InstanceID: made.ID, MAC: added.MAC})
		return err == nil && nic.State == "running", err
	})
	if err != nil {
		return err
	}
	_, err = instances.AddNIC(ctx, &compute.AddNICInput{InstanceID: made.ID, Network: natNetwork})
	// 302 with an empty body, which triton-go wants to read as an error's JSON.
	if err == nil || !strings.Contains(err.Error(), "unable to decode error response: EOF") {
		return fmt.Errorf("a second NIC on one network: %v", err)
	}
	nics, err := instances.ListNICs(ctx, &compute.ListNICsInput{InstanceID: made.ID})
	if err != nil {
		return err
	}
	if err := want(len(nics) == 2, "nothing was added"); err != nil {
		return err
	}
	if err := instances.RemoveNIC(ctx, &compute.RemoveNICInput{InstanceID: made.ID, MAC: added.MAC}); err != nil {
		return err
	}
	err = until(ctx, "the NIC to go", func() (bool, error) {
		nics, err := instances.ListNICs(ctx, &compute.ListNICsInput{InstanceID: made.ID})
		return err == nil && len(nics) == 1, err
	})
	if err != nil {
		return err
	}
	return c.destroy(ctx, made.ID)
}

func snapshotLife(ctx context.Context, c *cloud) error {
	snapshots := c.compute.Snapshots()
	made, err := c.create(ctx, &compute.CreateInstanceInput{Name: "snapshots"})
	if err != nil {
		return err
	}
	taken, err := snapshots.Create(ctx, &compute.CreateSnapshotInput{MachineID: made.ID, Name: "before"})
	if err != nil {
		return err
	}
	if err := want(taken.Name == "before" && taken.State == "queued", "what was taken"); err != nil {
		return err
	}
	err = until(ctx, "the snapshot", func() (bool, error) {
		seen, err := snapshots.Get(ctx, &compute.GetSnapshotInput{MachineID: made.ID, Name: "before"})
		return err == nil && seen.State == "created", err
	})
	if err != nil {
		return err
	}
	start := &compute.StartMachineFromSnapshotInput{MachineID: made.ID, Name: "before"}
	if err := snapshots.StartMachine(ctx, start); err != nil {
		return err
	}
	if _, err := c.untilState(ctx, made.ID, "running"); err != nil {
		return err
	}
	if err := snapshots.Delete(ctx, &compute.DeleteSnapshotInput{MachineID: made.ID, Name: "before"}); err != nil {
		return err
	}
	err = until(ctx, "the snapshot to go", func() (bool, error) {
		left, err := snapshots.List(ctx, &compute.ListSnapshotsInput{MachineID: made.ID})
		return err == nil && len(left) == 0, err
	})
	if err != nil {
		return err
	}
	return c.destroy(ctx, made.ID)
}
