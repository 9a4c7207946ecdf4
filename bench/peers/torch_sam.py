"""SAM in PyTorch, in the forms that people use and in the best one we know: what polder is compared
with. Each form has two parts, with the second gradient in between:

  ascend(gradients):  weights become w + rho g / (||g|| + c)
  descend():          weights are w again, and the base optimizer makes its step with p.grad
"""

import torch

TINY = 1e-12  # c


def make_optimizer(kind: str, parameters, rate: float, momentum: float, decay: float, **form):
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=decay, **form)
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, **form)


def point(parameters, tensors) -> None:
    """Parameters live in other memory from now on: nothing is copied."""
    for parameter, tensor in zip(parameters, tensors):
        parameter.data = tensor


class PerTensor:
    """The widespread two-step recipe: tensor by tensor, with a copy of w kept aside."""

    def __init__(self, parameters, optimizer, rho: float):
        self.parameters, self.optimizer, self.rho = list(parameters), optimizer, rho

    @torch.no_grad()
    def ascend(self, gradients) -> None:
        norm = torch.stack([g.norm(2) for g in gradients]).norm(2)
        scale = self.rho / (norm + TINY)
        self.kept = [p.detach().clone() for p in self.parameters]
        for parameter, gradient in zip(self.parameters, gradients):
            parameter.add_(gradient * scale)

    @torch.no_grad()
    def descend(self) -> None:
        point(self.parameters, self.kept)
        self.optimizer.step()


class Foreach:
    """The same with torch's multi-tensor functions; w + epsilon goes into a buffer of its own, so
    that coming home moves no bytes."""

    def __init__(self, parameters, optimizer, rho: float):
        self.parameters, self.optimizer, self.rho = list(parameters), optimizer, rho
        self.home = [p.detach() for p in self.parameters]

    @torch.no_grad()
    def ascend(self, gradients) -> None:
        norm = torch.stack(torch._foreach_norm(gradients)).norm(2)
        moves = torch._foreach_mul(gradients, self.rho / (norm + TINY))
        torch._foreach_add_(moves, self.home)
        point(self.parameters, moves)

    @torch.no_grad()
    def descend(self) -> None:
        point(self.parameters, self.home)
        self.optimizer.step()


class Compiled:
    """The same through torch.compile: one generated kernel perturbs, one updates."""

    def __init__(self, parameters, optimizer, rho: float, mode: str = "default"):
        self.parameters, self.optimizer, self.rho = list(parameters), optimizer, rho
        self.home = [p.detach() for p in self.parameters]
        self.twin = [torch.empty_like(p) for p in self.home]
        self.perturb = torch.compile(self.perturb_twin, mode=mode, fullgraph=True)
        self.update = torch.compile(optimizer.step, mode=mode, fullgraph=False)

    def perturb_twin(self, gradients, home, twin) -> None:
        norm = torch.stack(torch._foreach_norm(gradients)).norm(2)
        moves = torch._foreach_mul(gradients, self.rho / (norm + TINY))
        torch._foreach_copy_(twin, torch._foreach_add(home, moves))

    @torch.no_grad()
    def ascend(self, gradients) -> None:
        self.perturb(gradients, self.home, self.twin)
        point(self.parameters, self.twin)

    @torch.no_grad()
    def descend(self) -> None:
        point(self.parameters, self.home)
        self.update()


def captured(step, warm_up: int = 3):
    """A CUDA graph of step(): returns what replays it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(warm_up):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
