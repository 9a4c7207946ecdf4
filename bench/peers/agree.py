#!/usr/bin/env python3
"""Shows that polder and its peers do the same work: from the same weights and the same batch, the same
losses, gradient norms, weights and running statistics after some SAM steps.

polder_steps (bench/peers/polder_steps.cpp) writes what it did as safetensors; PyTorch and JAX repeat it.
Weights are compared by their movement: ||(w' - w) - (v' - w)|| / ||v' - w||, over all weights and for the
tensor where it is worst, so that what did not move cannot hide what did. So that the comparison can be
believed, each peer also makes plain SGD steps: these must be far out of tolerance, and four times further off.

Exit status: 0 agreement, 1 disagreement, 77 when no peer can be imported.
"""

import argparse
import importlib.util
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
SKIPPED = 77
PEERS = ("torch", "jax")

# Largest relative differences allowed: scalars (losses, norms), all weights, the worst tensor, all
# running statistics. Float64 leaves no room for another method. Float32 is compared with tanh in place
# of relu: where rounding puts one argument of relu on the other side of zero, a gradient jumps by about
# 1 %, and two right answers differ. In bfloat16 each program rounds at places of its own and three steps
# differ by 2 to 13 % in the weights' movement; a larger radius keeps plain SGD several times further away.
TOLERANCE = {"float64": {"scalars": 1e-11, "weights": 1e-10, "worst tensor": 1e-9, "statistics": 1e-11},
             "float32": {"scalars": 1e-4, "weights": 1e-3, "worst tensor": 1e-2, "statistics": 1e-5},
             "bfloat16": {"scalars": 0.1, "weights": 0.2, "worst tensor": 0.5, "statistics": 0.1}}
ACTIVATION = {"float64": "relu", "float32": "tanh", "bfloat16": "tanh"}
# How far off the weights of plain SGD must be at least.
CONTROL = {"float64": 1e-9, "float32": 1e-2, "bfloat16": 0.2}


def radius(model: str, dtype: str) -> str:
    """Published, but where rounding is coarse so large that plain SGD is well apart."""
    return "0.05" if dtype != "bfloat16" else "0.2" if model == "lenet" else "0.1"


def polder_file(program: str, model: str, dtype: str, options) -> dict:
    """Runs polder; returns its arrays and settings."""
    import safetensors.numpy
    from safetensors import safe_open

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "steps.safetensors"
        image = ["--height", "28", "--width", "28", "--channels", "1"] if model == "lenet" else []
        subprocess.run([program, "write", "--model", model, "--dtype", dtype, "--batch", str(options.batch),
                        "--steps", str(options.steps), "--seed", str(options.seed), "--rate", "0.05",
                        "--device", options.polder_device, "--rho", radius(model, dtype), "--activation", ACTIVATION[dtype],
                        *image, "--out", str(path)], check=True)
        with safe_open(path, "np") as file:
            settings = file.metadata()
        return {"arrays": safetensors.numpy.load_file(path), "settings": settings}


def named(arrays: dict, when: str) -> dict:
    return {name.removeprefix(when): array for name, array in arrays.items() if name.startswith(when)}


def is_statistic(name: str) -> bool:
    return "running_" in name


def hyper(settings: dict) -> dict:
    return {key: float(settings[key]) for key in ("rho", "rate", "momentum", "weight_decay")}


def torch_steps(polder: dict, plain: bool, device: str) -> dict:
    """The same steps by PyTorch: arrays "after/...", and the scalars."""
    import numpy as np
    import torch
    from torch_models import batch_norms, from_polder, make_model, to_polder, track_statistics
    from torch_sam import Foreach, make_optimizer

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    arrays, h = polder["arrays"], hyper(polder["settings"])
    images, labels = from_polder(arrays["inputs"]).to(device), torch.from_numpy(arrays["labels"]).to(device)
    model = make_model(polder["settings"]["model"], images.shape[1], size=images.shape[-1],
                       activation=ACTIVATION[polder["settings"]["dtype"]])
    model = model.to(device, images.dtype)
    model.load_state_dict({name: from_polder(a) for name, a in named(arrays, "before/").items()})
    norms = batch_norms(model)
    optimizer = make_optimizer("sgd", model.parameters(), h["rate"], h["momentum"], h["weight_decay"])
    sam = Foreach(model.parameters(), optimizer, h["rho"])
    found = {"loss": [], "perturbed_loss": [], "gradient_norm": []}

    rounded = polder["settings"]["dtype"] == "bfloat16"

    def gradients():
        optimizer.zero_grad()
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=rounded):
            outputs = model(images)
        loss = torch.nn.functional.cross_entropy(outputs.to(images.dtype), labels)
        loss.backward()
        return loss.item(), [p.grad for p in model.parameters()]

    for _ in range(int(polder["settings"]["steps"])):
        track_statistics(norms, True)
        loss, g = gradients()
        found["loss"].append(loss)
        if not plain:
            found["gradient_norm"].append(torch.stack([x.norm() for x in g]).norm().item())
            sam.ascend(g)
            track_statistics(norms, False)
            found["perturbed_loss"].append(gradients()[0])
        sam.descend()
    after = {f"after/{name}": to_polder(t) for name, t in model.state_dict().items()}
    return after | {name: np.array(values) for name, values in found.items()}


def jax_steps(polder: dict, plain: bool, device: str, with_optax: bool = False) -> dict:
    """The same steps by JAX."""
    import jax
    import numpy as np
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    from jax_sam import optax_sam, optax_sam_step, plain_step, sam_step, sgd

    arrays, h, model = polder["arrays"], hyper(polder["settings"]), polder["settings"]["model"]
    before = named(arrays, "before/")
    weights = {name: jax.numpy.asarray(a) for name, a in before.items() if not is_statistic(name)}
    statistics = {name: jax.numpy.asarray(a) for name, a in before.items() if is_statistic(name)}
    optimizer = sgd(h["rate"], h["momentum"], h["weight_decay"])
    dtype = polder["settings"]["dtype"]
    form = {"activation": ACTIVATION[dtype], "compute_type": jax.numpy.bfloat16 if dtype == "bfloat16" else None}
    step = plain_step(model, optimizer, **form) if plain else sam_step(model, optimizer, h["rho"], **form)
    if with_optax and not plain:
        optimizer = optax_sam(optimizer, h["rho"])
        step = optax_sam_step(model, optimizer, **form)
    state, step = (weights, statistics, optimizer.init(weights)), jax.jit(step)
    scalars = []
    for _ in range(int(polder["settings"]["steps"])):
        state, found = step(state, arrays["inputs"], arrays["labels"])
        scalars.append([float(x) for x in found])
    after = {f"after/{name}": np.asarray(t) for name, t in (state[0] | state[1]).items()}
    names = ("loss", "perturbed_loss", "gradient_norm")
    return after | {name: np.array(column) for name, column in zip(names, zip(*scalars))}


def optax_steps(polder: dict, plain: bool, device: str) -> dict:
    return jax_steps(polder, plain, device, with_optax=True)


STEPS = {"torch": {"torch": torch_steps}, "jax": {"jax": jax_steps, "optax sam": optax_steps}}


def movement(before: dict, after: dict, other: dict, names: list) -> tuple[float, float, str]:
    """Relative difference of the movements of these arrays: of all, of the worst, and its name."""
    import numpy as np
    square = lambda a: float(np.sum(np.square(a, dtype=np.float64)))
    missing = set(names) ^ {n for n in other if n in names}
    assert not missing, f"the peer lacks {sorted(missing)}"
    rows = [(square(other[n].astype(np.float64) - after[n]), square(after[n].astype(np.float64) - before[n]), n)
            for n in names]
    ratio = lambda difference, moved: (difference / moved) ** 0.5 if moved > 0 else (0.0 if difference == 0 else np.inf)
    worst = max((ratio(d, m), n) for d, m, n in rows)
    return ratio(sum(d for d, _, _ in rows), sum(m for _, m, _ in rows)), *worst


def differences(polder: dict, peer: dict) -> dict:
    """Relative differences by kind, and the name of the worst tensor."""
    import numpy as np
    arrays = polder["arrays"]
    before, after, other = named(arrays, "before/"), named(arrays, "after/"), named(peer, "after/")
    weights = [n for n in after if not is_statistic(n)]
    statistics = [n for n in after if is_statistic(n)]
    scalars = [np.max(np.abs(peer[n] - arrays[n]) / np.abs(arrays[n]))
               for n in ("loss", "perturbed_loss", "gradient_norm") if n in peer and len(peer[n])]
    whole, worst, name = movement(before, after, other, weights)
    moved = movement(before, after, other, statistics)[0] if statistics else 0.0
    return {"scalars": float(max(scalars)), "weights": whole, "worst tensor": worst, "statistics": moved,
            "worst name": name}


def agrees(found: dict, tolerance: dict) -> bool:
    """False also for NaN."""
    return all(found[kind] <= limit for kind, limit in tolerance.items())


def compare(polder: dict, name: str, steps, options) -> bool:
    settings = polder["settings"]
    tolerance = TOLERANCE[settings["dtype"]]
    found = differences(polder, steps(polder, False, options.device))
    control = differences(polder, steps(polder, True, options.device))
    good, blind = agrees(found, tolerance), control["weights"] <= max(CONTROL[settings["dtype"]], 4 * found["weights"])
    verdict = "no: plain SGD passes too" if blind else "yes" if good else "NO"
    print("| {} | {}, {} | {} | {:.1e} | {:.1e} | {:.1e} ({}) | {:.1e} | {:.1e} | {} |".format(
        settings["model"], settings["dtype"], ACTIVATION[settings["dtype"]], name, found["scalars"], found["weights"], found["worst tensor"],
        found["worst name"], found["statistics"], control["weights"], verdict), flush=True)
    return good and not blind


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polder", default="build/cpu/bench/polder_steps", help="the program polder_steps")
    parser.add_argument("--polder-device", default="cpu", help="where polder computes: cpu, cuda:0, emulated")
    parser.add_argument("--device", default="cpu", help="where the peers compute: cpu, cuda")
    parser.add_argument("--peers", nargs="+", choices=PEERS, help="default: those that can be imported")
    parser.add_argument("--models", nargs="+", default=["lenet", "resnet20", "resnet18"])
    parser.add_argument("--dtypes", nargs="+", default=list(TOLERANCE), choices=TOLERANCE)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="default: a fresh one")
    return parser.parse_args()


def main() -> int:
    options = parse()
    from support import versions
    here = [peer for peer in PEERS if importlib.util.find_spec(peer) and importlib.util.find_spec("safetensors")]
    missing = [peer for peer in options.peers or [] if peer not in here]
    if missing or not here:
        print(f"SKIPPED: cannot import {', '.join(missing or PEERS)} with safetensors; see bench/peers/README.md")
        return 1 if missing else SKIPPED
    print(f"{versions()}; seed {options.seed}, batch {options.batch}, {options.steps} SAM steps\n")
    print("| model | type, activation | peer | losses, norms | weights | worst tensor | running statistics | SGD instead: weights "
          "| agree |\n| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    good = True
    for model in options.models:
        for dtype in options.dtypes:
            polder = polder_file(options.polder, model, dtype, options)
            for peer in options.peers or here:
                for name, steps in STEPS[peer].items():
                    good &= compare(polder, name, steps, options)
    print("\nall agree" if good else "\nDISAGREEMENT (tolerances: TOLERANCE in agree.py)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
