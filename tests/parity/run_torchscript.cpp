// Run a TorchScript archive with libtorch alone: model.pt, the images' size, batch sizes. Pixels come from stdin, results go
// to stdout, as float32.
#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

int main(int argc, char **argv)
{
    try {
        torch::jit::Module model = torch::jit::load(argv[1]);
        c10::AutoGradMode no_grad(false);
        long size = std::atol(argv[2]);
        for (int k = 3; k < argc; k++) {
            at::Tensor x = at::empty({ std::atol(argv[k]), 3, size, size });
            if (std::fread(x.data_ptr(), 4, x.numel(), stdin) != (size_t)x.numel()) return 2;
            at::Tensor y = model.forward({ x }).toTensor().contiguous();
            std::fwrite(y.data_ptr(), 4, y.numel(), stdout);
        }
    } catch (const std::exception &e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
    return 0;
}
