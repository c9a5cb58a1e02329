"""Short summaries of experiments, of six fields of science: what a model learns from in these tests."""

from __future__ import annotations

BATTERIES = (
    "Lithium ion battery cathode degradation. Operando diffraction of a nickel rich oxide cathode during charge.",
    "Charge and discharge of a sodium ion battery. Lattice changes of the electrode with state of charge.",
    "Solid electrolyte interphase in lithium cells. Growth of the layer between anode and electrolyte.",
    "Cathode particles crack during fast charge. Tomography of electrode particles in a working lithium cell.",
    "Lithium plating on graphite anodes. Neutron imaging of a battery while it charges at low temperature.",
    "Manganese dissolution from the electrode. The oxide cathode loses metal to the electrolyte in cycling.",
    "Silicon anode expansion. Volume change of the electrode in a lithium cell during cycling.",
    "Electrolyte filling of pouch cells. Neutron imaging of wetting before the first charge of a battery.",
)
SOLAR_CELLS = (
    "Perovskite thin film growth. Grazing incidence scattering while a methylammonium lead iodide film crystallises.",
    "Photovoltaic absorber degradation in humid air. The perovskite film decomposes to lead iodide.",
    "Halide segregation under light. Mixed iodide and bromide perovskite absorbers in a solar cell.",
    "Spin coating of lead halide films. Intermediate phases of the photovoltaic absorber during annealing.",
    "Organic solar cell blends. Domain size of donor and acceptor in the photovoltaic film.",
    "Tin perovskite absorber oxidation. Film stability in a solar cell without lead.",
    "Grain boundaries in photovoltaic films. Photoluminescence and diffraction of a halide absorber.",
    "Hole transport layers for a perovskite solar cell. Interface between film and organic layer.",
)
PROTEINS = (
    "Structure of a bacterial enzyme. Macromolecular crystallography of protein crystals with an inhibitor.",
    "Membrane protein crystals from lipidic phase. Serial crystallography at room temperature.",
    "Ligand binding to a viral protease. Fragment screening with protein crystals.",
    "Solution scattering of a flexible protein. The enzyme changes conformation when the ligand binds.",
    "Ribosome complex with antibiotic. Crystallography of a large macromolecular assembly.",
    "Radiation damage in protein crystals. Dose dependence of macromolecular diffraction data.",
    "Time resolved crystallography of an enzyme. Ligand release after a laser pulse.",
    "Antibody complex with viral protein. Binding site seen by macromolecular crystallography.",
)
MAGNETS = (
    "Skyrmion lattice in a chiral magnet. Small angle neutron scattering with applied magnetic field.",
    "Spin waves in a frustrated magnet. Inelastic neutron scattering of magnetic excitations.",
    "Antiferromagnetic order below the Neel temperature. Polarised neutron diffraction of magnetic moments.",
    "Magnetic domains in multilayers. Circular dichroism microscopy with a field pulse.",
    "Spin ice dynamics. Magnetic monopole excitations in a frustrated pyrochlore.",
    "Magnetic anisotropy of rare earth magnets. Moments and crystal field by inelastic scattering.",
    "Helical spin order in a chiral crystal. Polarised neutrons in applied field.",
    "Exchange bias in thin multilayers. Polarised reflectometry of magnetic domains.",
)
CATALYSTS = (
    "Carbon monoxide oxidation on platinum nanoparticles. Absorption spectroscopy of the catalyst at work.",
    "Methane conversion over zeolites. Copper sites of the catalyst by EXAFS under reaction conditions.",
    "Ammonia synthesis with ruthenium. Oxidation state of the catalyst under reaction gas.",
    "Palladium nanoparticles under hydrogen. Absorption spectroscopy of supported catalyst particles.",
    "Carbon dioxide reduction to methanol. Copper zinc catalyst structure during reaction.",
    "Catalyst deactivation by sintering. Platinum nanoparticles grow in reaction gas.",
    "Zeolite acid sites and methanol conversion. Reaction products and coke in the catalyst.",
    "Iron catalyst for ammonia. XANES of the oxidation state in hydrogen and nitrogen gas.",
)
FOSSILS = (
    "Fossil skull of an early mammal. Phase contrast tomography of bone and teeth.",
    "Feathers preserved in amber. Synchrotron tomography of a dinosaur tail.",
    "Tooth growth lines of extinct hominins. Virtual histology of enamel by phase contrast.",
    "Fossil embryos from the Cambrian. Tomography of cells preserved in phosphate.",
    "Inner ear of a fossil bird. Bone microstructure by phase contrast tomography.",
    "Insects preserved in amber. Palaeontology of an extinct beetle by tomography.",
    "Dinosaur eggs with embryos. Bone and skull development in extinct reptiles.",
    "Fossil fish teeth. Enamel microstructure and palaeontology of early vertebrates.",
)
FIELDS = {
    "batteries": BATTERIES,
    "solar cells": SOLAR_CELLS,
    "proteins": PROTEINS,
    "magnets": MAGNETS,
    "catalysts": CATALYSTS,
    "fossils": FOSSILS,
}
TEXTS = tuple(text for texts in FIELDS.values() for text in texts)
