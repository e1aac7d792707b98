package main

import (
	"context"
	"fmt"
	"os"

	"github.com/joyent/triton-go/account"
	"github.com/joyent/triton-go/compute"
	"github.com/joyent/triton-go/identity"
	"github.com/joyent/triton-go/network"
)

func accountLife(ctx context.Context, c *cloud) error {
	seen, err := c.account.Get(ctx, &account.GetInput{})
	if err != nil {
		return err
	}
	updated, err := c.account.Update(ctx, &account.UpdateInput{CompanyName: "Example", City: "Berlin"})
	if err != nil {
		return err
	}
	if err := want(
		seen.Login == os.Getenv("TRITON_ACCOUNT"), "the login",
		updated.CompanyName == "Example" && updated.City == "Berlin", "what was changed",
		updated.Email == seen.Email, "what was not",
	); err != nil {
		return err
	}
	keys := c.account.Keys()
	text, err := os.ReadFile(os.Getenv("TRITON_KEY_FILE") + "2.pub")
	if err != nil {
		return err
	}
	key, err := keys.Create(ctx, &account.CreateKeyInput{Name: "second", Key: string(text)})
	if err != nil {
		return err
	}
	listed, err := keys.List(ctx, &account.ListKeysInput{})
	if err != nil {
		return err
	}
	found, err := keys.Get(ctx, &account.GetKeyInput{KeyName: "second"})
	if err != nil {
		return err
	}
	if err := want(len(listed) == 2 && found.Fingerprint == key.Fingerprint, "the keys"); err != nil {
		return err
	}
	if err := keys.Delete(ctx, &account.DeleteKeyInput{KeyName: "second"}); err != nil {
		return err
	}
	config, err := c.account.Config().Get(ctx, &account.GetConfigInput{})
	if err != nil {
		return err
	}
	return want(config.DefaultNetwork == fabricNetwork, "the default network")
}

func lookupsLife(ctx context.Context, c *cloud) error {
	if _, err := c.compute.Ping(ctx); err != nil {
		return err
	}
	images, err := c.compute.Images().List(ctx, &compute.ListImagesInput{Name: "ubuntu-22.04", OS: "linux"})
	if err != nil {
		return err
	}
	image, err := c.compute.Images().Get(ctx, &compute.GetImageInput{ImageID: ubuntu})
	if err != nil {
		return err
	}
	packages, err := c.compute.Packages().List(ctx, &compute.ListPackagesInput{Memory: 1024})
	if err != nil {
		return err
	}
	byName, err := c.compute.Packages().Get(ctx, &compute.GetPackageInput{ID: smallPackage})
	if err != nil {
		return err
	}
	networks, err := c.network.List(ctx, &network.ListInput{})
	if err != nil {
		return err
	}
	fabric, err := c.network.Get(ctx, &network.GetInput{ID: fabricNetwork})
	if err != nil {
		return err
	}
	datacenters, err := c.compute.Datacenters().List(ctx, &compute.ListDataCentersInput{})
	if err != nil {
		return err
	}
	services, err := c.compute.Services().List(ctx, &compute.ListServicesInput{})
	if err != nil {
		return err
	}
	return want(
		len(images) == 2 && image.Version == "20240115" && image.State == "active", "images",
		len(packages) == 2 && byName.Memory == 128, fmt.Sprintf("packages: %v", packages),
		len(networks) >= 3 && fabric.Fabric && fabric.Subnet != "", "networks",
		len(datacenters) == 1 && len(services) > 0, "datacenters and services",
	)
}

func fabricLife(ctx context.Context, c *cloud) error {
	fabrics := c.network.Fabrics()
	vlan, err := fabrics.CreateVLAN(ctx, &network.CreateVLANInput{Name: "web", ID: 44, Description: "for the web"})
	if err != nil {
		return err
	}
	if _, err := fabrics.UpdateVLAN(ctx, &network.UpdateVLANInput{ID: 44, Name: "web2"}); err != nil {
		return err
	}
	seen, err := fabrics.GetVLAN(ctx, &network.GetVLANInput{ID: 44})
	if err != nil {
		return err
	}
	made, err := fabrics.Create(ctx, &network.CreateFabricInput{
		FabricVLANID: 44, Name: "net", Subnet: "10.50.1.0/24", ProvisionStartIP: "10.50.1.10",
		ProvisionEndIP: "10.50.1.240", Gateway: "10.50.1.1", Resolvers: []string{"8.8.8.8"}, InternetNAT: true,
	})
	if err != nil {
		return err
	}
	networks, err := fabrics.List(ctx, &network.ListFabricsInput{FabricVLANID: 44})
	if err != nil {
		return err
	}
	again, err := fabrics.Get(ctx, &network.GetFabricInput{FabricVLANID: 44, NetworkID: made.Id})
	if err != nil {
		return err
	}
	if err := want(
		vlan.ID == 44 && seen.Name == "web2", "the VLAN",
		len(networks) == 1 && again.Subnet == "10.50.1.0/24" && again.Fabric, "the network",
	); err != nil {
		return err
	}
	if err := wantCode(fabrics.DeleteVLAN(ctx, &network.DeleteVLANInput{ID: 44}), 409, "InvalidArgument"); err != nil {
		return err
	}
	if err := fabrics.Delete(ctx, &network.DeleteFabricInput{FabricVLANID: 44, NetworkID: made.Id}); err != nil {
		return err
	}
	return fabrics.DeleteVLAN(ctx, &network.DeleteVLANInput{ID: 44})
}

func imageLife(ctx context.Context, c *cloud) error {
	images := c.compute.Images()
	made, err := c.create(ctx, &compute.CreateInstanceInput{Name: "origin"})
	if err != nil {
		return err
	}
	if err := c.compute.Instances().Stop(ctx, &compute.StopInstanceInput{InstanceID: made.ID}); err != nil {
		return err
	}
	if _, err := c.untilState(ctx, made.ID, "stopped"); err != nil {
		return err
	}
	image, err := images.CreateFromMachine(ctx, &compute.CreateImageFromMachineInput{
		MachineID: made.ID, Name: "mine", Version: "1.0.0", Description: "of origin",
	})
	if err != nil {
		return err
	}
	err = until(ctx, "the image", func() (bool, error) {
		seen, err := images.Get(ctx, &compute.GetImageInput{ImageID: image.ID})
		return err == nil && seen.State == "active", err
	})
	if err != nil {
		return err
	}
	updated, err := images.Update(ctx, &compute.UpdateImageInput{ImageID: image.ID, Version: "1.0.1"})
	if err != nil {
		return err
	}
	if err := want(updated.Name == "mine" && updated.Version == "1.0.1" && !updated.Public, "the image"); err != nil {
		return err
	}
	if err := images.Delete(ctx, &compute.DeleteImageInput{ImageID: image.ID}); err != nil {
		return err
	}
	_, err = images.Get(ctx, &compute.GetImageInput{ImageID: image.ID})
	if err := wantCode(err, 404, "ResourceNotFound"); err != nil {
		return err
	}
	return c.destroy(ctx, made.ID)
}

func volumeLife(ctx context.Context, c *cloud) error {
	volumes := c.compute.Volumes()
	made, err := volumes.Create(ctx, &compute.CreateVolumeInput{
		Name: "data", Size: 10240, Type: "tritonnfs", Networks: []string{fabricNetwork},
	})
	if err != nil {
		return err
	}
	err = until(ctx, "the volume", func() (bool, error) {
		seen, err := volumes.Get(ctx, &compute.GetVolumeInput{ID: made.ID})
		return err == nil && seen.State == "ready" && seen.FileSystemPath != "", err
	})
	if err != nil {
		return err
	}
	instance, err := c.create(ctx, &compute.CreateInstanceInput{
		Name: "user", Networks: []string{fabricNetwork},
		Volumes: []compute.InstanceVolume{{Name: "data", Type: "tritonnfs", Mode: "rw", Mountpoint: "/data"}},
	})
	if err != nil {
		return err
	}
	used, err := volumes.Get(ctx, &compute.GetVolumeInput{ID: made.ID})
	if err != nil {
		return err
	}
	if err := want(len(used.Refs) == 1 && used.Refs[0] == instance.ID, "who uses it"); err != nil {
		return err
	}
	err = volumes.Delete(ctx, &compute.DeleteVolumeInput{ID: made.ID})
	if err := wantCode(err, 409, "VolumeInUse"); err != nil {
		return err
	}
	if err := c.destroy(ctx, instance.ID); err != nil {
		return err
	}
	listed, err := volumes.List(ctx, &compute.ListVolumesInput{Name: "data"})
	if err != nil {
		return err
	}
	if err := want(len(listed) == 1 && listed[0].Size == 10240, "the list"); err != nil {
		return err
	}
	if err := volumes.Delete(ctx, &compute.DeleteVolumeInput{ID: made.ID}); err != nil {
		return err
	}
	return until(ctx, "the volume to go", func() (bool, error) {
		left, err := volumes.List(ctx, &compute.ListVolumesInput{})
		return err == nil && len(left) == 0, err
	})
}

func rbacLife(ctx context.Context, c *cloud) error {
	user, err := c.identity.Users().Create(ctx, &identity.CreateUserInput{
		Login: "bob", Email: "bob@example.com", Password: "correct horse 1",
	})
	if err != nil {
		return err
	}
	policy, err := c.identity.Policies().Create(ctx, &identity.CreatePolicyInput{
		Name: "readers", Rules: []string{"CAN listmachines"}, Description: "who may look",
	})
	if err != nil {
		return err
	}
	// API 8: names in plain arrays.
	role, err := c.identity.Roles().Create(ctx, &identity.CreateRoleInput{
		Name: "reader", Policies: []string{"readers"}, Members: []string{"bob"}, DefaultMembers: []string{"bob"},
	})
	if err != nil {
		return err
	}
	seen, err := c.identity.Roles().Get(ctx, &identity.GetRoleInput{RoleID: role.ID})
	if err != nil {
		return err
	}
	users, err := c.identity.Users().List(ctx, &identity.ListUsersInput{})
	if err != nil {
		return err
	}
	if err := want(
		len(users) == 1 && users[0].Login == "bob", "the users",
		fmt.Sprint(seen.Policies, seen.Members, seen.DefaultMembers) == "[readers] [bob] [bob]",
		fmt.Sprintf("the role: %+v", seen),
	); err != nil {
		return err
	}
	if err := c.identity.Roles().Delete(ctx, &identity.DeleteRoleInput{RoleID: role.ID}); err != nil {
		return err
	}
	if err := c.identity.Policies().Delete(ctx, &identity.DeletePolicyInput{PolicyID: policy.ID}); err != nil {
		return err
	}
	return c.identity.Users().Delete(ctx, &identity.DeleteUserInput{UserID: user.ID})
}
