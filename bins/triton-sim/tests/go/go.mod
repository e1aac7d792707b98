module github.com/tritondatacenter/vk-triton/triton-go-lives

go 1.20

require (
	github.com/joyent/triton-go v1.8.5
	github.com/pkg/errors v0.8.1
)

require (
	golang.org/x/crypto v0.0.0-20190611184440-5c40567a22f8 // indirect
	golang.org/x/sys v0.0.0-20191204072324-ce4227a45e2e // indirect
)
