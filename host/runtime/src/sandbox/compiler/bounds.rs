//! What a component may be made of: it is read once, from front to back, before any of it is
//! compiled.
//!
//! A few bytes can make a compiler work for hours. The bounds are far above what toolchains
//! write and far below what hurts; what comes through them costs no more than its process may.

use syft_manifest::Limits;
use thiserror::Error;
use wasmparser::{
    BinaryReaderError, BlockType, CompositeInnerType, ElementItems, ElementSectionReader,
    FunctionBody, Instance, InstanceSectionReader, Operator, Parser, Payload, RecGroup, SubType,
    TableSectionReader, TypeSectionReader,
};

/// What is counted, and how much of it there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Part {
    Sections,
    Depth,
    Modules,
    Components,
    CoreInstances,
    Instances,
    TypeBytes,
    Types,
    Imports,
    Exports,
    Functions,
    Globals,
    Tables,
    TableElements,
    Memories,
    Segments,
    SegmentElements,
    Locals,
    LocalsOfOne,
    Parameters,
    Nesting,
    LoopNesting,
    Carried,
}

/// The parts in the order of the enumeration: in words, the most there may be of them, and
/// whether that is for one module alone.
const PARTS: [(&str, u64); 23] = [
    ("sections", 100_000),
    ("components within each other", 16),
    ("core modules", 256),
    ("components", 1_000),
    ("core instances of modules", 256),
    ("component instances", 1_000),
    ("bytes of component types", 8 << 20),
    ("core types", 100_000),
    ("imports", 100_000),
    ("exports", 200_000),
    ("functions", 400_000),
    ("globals", 100_000),
    // By what the pool would refuse: see [`most`].
    ("tables in one core module", 0),
    ("elements in all tables", 0),
    ("memories in one core module", 0),
    ("data and element segments", 200_000),
    ("elements in segments", 1_000_000),
    ("locals", 8_000_000),
    ("locals in one function", 20_000),
    ("parameters and results in one function type", 256),
    ("blocks within each other", 10_000),
    ("loops within each other", 100),
    ("locals in nested loops of one function", 400_000),
];

/// Returns the most there may be of a part. What the limits say no instance could have is
/// refused before it is compiled.
fn most(part: Part, limits: &Limits) -> u64 {
    match part {
        Part::Tables => limits.tables as u64,
        Part::TableElements => limits.table_elements as u64,
        Part::Memories => limits.memories as u64,
        part => PARTS[part as usize].1,
    }
}

/// Why a component is not compiled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum OutOfBounds {
    /// It cannot be read.
    #[error("{0}")]
    Broken(String),
    /// There is more of something than any app needs.
    #[error("it has {found} {what}; at most {limit} are compiled")]
    TooMuch {
        what: &'static str,
        found: u64,
        limit: u64,
    },
}

impl From<BinaryReaderError> for OutOfBounds {
    fn from(error: BinaryReaderError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Checks that a component has no more of anything than it may.
///
/// # Errors
/// It has, or it cannot be read.
pub(super) fn check(component: &[u8], limits: &Limits) -> Result<(), OutOfBounds> {
    Tally::of(component, limits).map(drop)
}

/// What was counted so far: sums over all of the component, or the most of any one place.
struct Tally<'l> {
    limits: &'l Limits,
    found: [u64; PARTS.len()],
    /// Of the module that is read: how much it takes to enter a block of each type.
    arities: Vec<u32>,
    /// The parameters of its own functions, and which of them is read next.
    functions: Vec<u32>,
    next_function: usize,
}

impl<'l> Tally<'l> {
    fn of(component: &[u8], limits: &'l Limits) -> Result<Self, OutOfBounds> {
        let mut tally = Self {
            limits,
            found: [0; PARTS.len()],
            arities: Vec::new(),
            functions: Vec::new(),
            next_function: 0,
        };
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            match &payload {
                Payload::Version { .. } => {
                    depth += 1;
                    tally.most_of(Part::Depth, depth)?;
                }
                Payload::End(_) => depth -= 1,
                Payload::CodeSectionEntry(_) => {}
                _ => tally.add(Part::Sections, 1)?,
            }
            tally.take(payload)?;
        }
        Ok(tally)
    }

    fn check(&self, part: Part) -> Result<(), OutOfBounds> {
        let (found, limit) = (self.found[part as usize], most(part, self.limits));
        if found <= limit {
            return Ok(());
        }
        Err(OutOfBounds::TooMuch {
            what: PARTS[part as usize].0,
            found,
            limit,
        })
    }

    fn add(&mut self, part: Part, n: u64) -> Result<(), OutOfBounds> {
        let found = &mut self.found[part as usize];
        *found = found.saturating_add(n);
        self.check(part)
    }

    fn most_of(&mut self, part: Part, n: u64) -> Result<(), OutOfBounds> {
        let found = &mut self.found[part as usize];
        *found = n.max(*found);
        self.check(part)
    }

    fn take(&mut self, payload: Payload<'_>) -> Result<(), OutOfBounds> {
        match payload {
            Payload::ModuleSection { .. } => {
                (self.arities, self.functions) = (Vec::new(), Vec::new());
                self.next_function = 0;
                self.add(Part::Modules, 1)
            }
            Payload::ComponentSection { .. } => self.add(Part::Components, 1),
            Payload::InstanceSection(instances) => self.take_core_instances(instances),
            Payload::ComponentInstanceSection(it) => self.add(Part::Instances, it.count().into()),
            Payload::ComponentTypeSection(it) => self.add(Part::TypeBytes, it.range().len() as u64),
            Payload::CoreTypeSection(it) => self.add(Part::TypeBytes, it.range().len() as u64),
            Payload::ComponentAliasSection(it) => self.add(Part::Imports, it.count().into()),
            Payload::ComponentCanonicalSection(it) => self.add(Part::Functions, it.count().into()),
            Payload::ComponentImportSection(it) => self.add(Part::Imports, it.count().into()),
            Payload::ComponentExportSection(it) => self.add(Part::Exports, it.count().into()),
            Payload::TypeSection(types) => self.take_types(types),
            Payload::ImportSection(imports) => {
                // One entry may stand for many.
                for import in imports.into_imports() {
                    import?;
                    self.add(Part::Imports, 1)?;
                }
                Ok(())
            }
            Payload::FunctionSection(functions) => {
                self.add(Part::Functions, functions.count().into())?;
                for ty in functions {
                    let arity = self.arities.get(ty? as usize);
                    self.functions.push(arity.copied().unwrap_or_default());
                }
                Ok(())
            }
            Payload::TableSection(tables) => self.take_tables(tables),
            Payload::MemorySection(it) => self.most_of(Part::Memories, it.count().into()),
            Payload::GlobalSection(it) => self.add(Part::Globals, it.count().into()),
            Payload::ExportSection(it) => self.add(Part::Exports, it.count().into()),
            Payload::ElementSection(segments) => self.take_elements(segments),
            Payload::DataSection(it) => self.add(Part::Segments, it.count().into()),
            Payload::CodeSectionEntry(body) => self.take_function(&body),
            _ => Ok(()),
        }
    }

    fn take_core_instances(
        &mut self,
        instances: InstanceSectionReader<'_>,
    ) -> Result<(), OutOfBounds> {
        for instance in instances {
            match instance? {
                Instance::Instantiate { .. } => self.add(Part::CoreInstances, 1)?,
                Instance::FromExports(exports) => self.add(Part::Exports, exports.len() as u64)?,
            }
        }
        Ok(())
    }

    fn take_types(&mut self, types: TypeSectionReader<'_>) -> Result<(), OutOfBounds> {
        for group in types {
            let group: RecGroup = group?;
            for ty in group.types() {
                self.add(Part::Types, 1)?;
                let arity = arity(ty);
                self.most_of(Part::Parameters, arity.into())?;
                self.arities.push(arity);
            }
        }
        Ok(())
    }

    fn take_tables(&mut self, tables: TableSectionReader<'_>) -> Result<(), OutOfBounds> {
        self.most_of(Part::Tables, tables.count().into())?;
        for table in tables {
            self.add(Part::TableElements, table?.ty.initial)?;
        }
        Ok(())
    }

    fn take_elements(&mut self, segments: ElementSectionReader<'_>) -> Result<(), OutOfBounds> {
        self.add(Part::Segments, segments.count().into())?;
        for segment in segments {
            let count = match segment?.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            self.add(Part::SegmentElements, count.into())?;
        }
        Ok(())
    }

    /// A compiler carries each local around each loop, and the values that a block takes: so
    /// it is their product that costs.
    fn take_function(&mut self, body: &FunctionBody<'_>) -> Result<(), OutOfBounds> {
        let parameters = self.functions.get(self.next_function).copied();
        self.next_function += 1;
        let mut locals = u64::from(parameters.unwrap_or_default());
        for group in body.get_locals_reader()? {
            locals += u64::from(group?.0);
        }
        self.most_of(Part::LocalsOfOne, locals)?;
        self.add(Part::Locals, locals)?;
        let (mut loops, mut blocks) = (0_u64, Vec::new());
        let mut carried = 0_u64;
        for operator in body.get_operators_reader()? {
            let (ty, is_loop) = match operator? {
                Operator::Loop { blockty } => (blockty, true),
                Operator::Block { blockty }
                | Operator::If { blockty }
                | Operator::TryTable {
                    try_table: wasmparser::TryTable { ty: blockty, .. },
                } => (blockty, false),
                Operator::End => {
                    // The last one ends the function.
                    loops -= u64::from(blocks.pop().unwrap_or(false));
                    continue;
                }
                _ => continue,
            };
            blocks.push(is_loop);
            loops += u64::from(is_loop);
            carried += self.values(ty);
            if is_loop {
                carried += locals * loops;
            }
            self.most_of(Part::Nesting, blocks.len() as u64)?;
            self.most_of(Part::LoopNesting, loops)?;
            self.most_of(Part::Carried, carried)?;
        }
        Ok(())
    }

    /// Returns how many values a block takes and gives.
    fn values(&self, ty: BlockType) -> u64 {
        match ty {
            BlockType::Empty => 0,
            BlockType::Type(_) => 1,
            BlockType::FuncType(at) => {
                let arity = self.arities.get(at as usize);
                arity.copied().unwrap_or_default().into()
            }
        }
    }
}

/// Returns how many values there are in a type.
fn arity(ty: &SubType) -> u32 {
    let count = match &ty.composite_type.inner {
        CompositeInnerType::Func(it) => it.params().len() + it.results().len(),
        CompositeInnerType::Struct(it) => it.fields.len(),
        CompositeInnerType::Array(_) | CompositeInnerType::Cont(_) => 1,
    };
    u32::try_from(count).unwrap_or(u32::MAX)
}
