"""What a step of DP-SGD costs beside a plain one: ours, Opacus' two ways, `torch.func`."""
