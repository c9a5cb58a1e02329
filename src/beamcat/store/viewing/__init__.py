"""Looking into files of data without downloading them: HDF5 and pictures, in processes that can do nothing else."""
