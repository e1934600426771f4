import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segmint.models.transposed import TransposedConvolution


@settings(deadline=None, max_examples=30)
@given(
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 5),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last]),
    seed=st.integers(0, 2**31),
)
def test_training_computes_what_torchs_own_operation_computes_with_its_gradients(inputs, outputs, size, layout, seed):
    torch.manual_seed(seed)
    ours = TransposedConvolution(inputs, outputs).double().train()
    theirs = nn.ConvTranspose2d(inputs, outputs, 2, stride=2).double()
    theirs.load_state_dict(ours.state_dict())
    image = torch.randn(2, inputs, *size, dtype=torch.float64).contiguous(memory_format=layout)
    weight = torch.randn(2, outputs, 2 * size[0], 2 * size[1], dtype=torch.float64)
    results = []
    for layer in (ours, theirs):
        own = image.clone().requires_grad_()
        answer = layer(own)
        (answer * weight).sum().backward()
        results.append((answer, own.grad, layer.weight.grad, layer.bias.grad))
    for mine, their in zip(*results, strict=True):
        torch.testing.assert_close(mine, their)


def test_what_is_exported_holds_the_operation_by_its_name():
    layer = TransposedConvolution(2, 3).eval()
    graph = torch.export.export(layer, (torch.zeros(2, 2, 4, 4),)).graph
    called = [str(node.target) for node in graph.nodes if node.op == "call_function"]
    assert called == ["aten.conv_transpose2d.input"]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_answer_lies_in_memory_as_the_features_do(layout):
    layer = TransposedConvolution(4, 3).train().to(memory_format=layout)
    answer = layer(torch.zeros(2, 4, 6, 6).contiguous(memory_format=layout))
    assert answer.is_contiguous(memory_format=layout)


def test_mixed_precision_rounds_the_answer_and_nothing_else():
    layer = TransposedConvolution(8, 4).train()
    features = torch.randn(2, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        answer = layer(features)
    answer.float().square().sum().backward()
    assert answer.dtype == torch.bfloat16
    exact = torch.nn.functional.conv_transpose2d(features, layer.weight, layer.bias, stride=2)
    torch.testing.assert_close(answer.float(), exact, rtol=2**-6, atol=2**-5)
    expected = torch.autograd.grad(exact.square().sum(), layer.weight)[0]
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32
    assert (layer.weight.grad - expected).norm() < 0.02 * expected.norm()
