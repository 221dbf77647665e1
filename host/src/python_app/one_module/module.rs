//! The one module that many are linked into.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wasm_encoder as enc;
use wasm_encoder::reencode::Reencode;
use wasmparser::{
    ConstExpr, DataSectionReader, ElementSectionReader, FuncType, FunctionBody, Global, GlobalType,
    Import, MemoryType, Operator, Parser, Payload, Table, TypeRef,
};

use super::Unlinkable;
use super::body::BodyWriter;
use super::graph::{CoreInstance, Graph, Item, Kind, Origin, Source};

/// The names of the imports: the module's, and each one's number.
pub(super) const IMPORTS: &str = "imports";

/// The module, and what connects it to the component.
pub(super) struct LinkedModule {
    pub(super) bytes: enc::Module,
    /// The functions that it imports, by their numbers in the component.
    pub(super) imports: Vec<u32>,
    /// What it exports of what the component needs, by names that say nothing.
    pub(super) exports: BTreeMap<Item, String>,
}

/// What is read of a module.
#[derive(Default)]
struct Module<'a> {
    types: Vec<FuncType>,
    imports: Vec<Import<'a>>,
    funcs: Vec<u32>,
    tables: Vec<Table<'a>>,
    memories: Vec<MemoryType>,
    globals: Vec<Global<'a>>,
    exports: HashMap<&'a str, (Kind, u32)>,
    elements: Option<ElementSectionReader<'a>>,
    data: Option<DataSectionReader<'a>>,
    bodies: Vec<FunctionBody<'a>>,
}

/// The numbers of a module's own items among those of all.
#[derive(Default)]
pub(super) struct Numbers {
    pub(super) types: Vec<u32>,
    pub(super) funcs: Vec<FuncNumber>,
    pub(super) tables: Vec<u32>,
    pub(super) memories: Vec<u32>,
    pub(super) globals: Vec<u32>,
    pub(super) first_element: u32,
    pub(super) first_data: u32,
}

/// A function: imports come first, and how many there are is known in the end.
#[derive(Clone, Copy)]
pub(super) enum FuncNumber {
    Import(u32),
    Own(u32),
}

impl FuncNumber {
    /// Returns its number in the module.
    pub(super) fn after(self, n_imports: u32) -> u32 {
        match self {
            Self::Import(number) => number,
            Self::Own(number) => n_imports + number,
        }
    }
}

/// A value that is known before anything runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Constant {
    I32(i32),
    I64(i64),
}

/// What is found out about a global of all modules.
pub(super) struct LinkedGlobal {
    ty: GlobalType,
    /// Its first value, if it is known.
    value: Option<Constant>,
    /// Nothing ever sets it.
    is_constant: bool,
    /// Its number in the module, unless it is only a constant.
    pub(super) number: u32,
}

impl LinkedGlobal {
    /// Returns the value that it always has.
    pub(super) fn constant(&self) -> Option<Constant> {
        self.value.filter(|_| self.is_constant)
    }
}

/// All modules on the way to one.
#[derive(Default)]
struct Linker<'a> {
    sources: Vec<Module<'a>>,
    numbers: Vec<Numbers>,
    /// Which source an instance is of.
    by_instance: HashMap<u32, usize>,
    types: Vec<FuncType>,
    type_numbers: HashMap<FuncType, u32>,
    /// Functions that are imported, with their types.
    imports: Vec<(u32, u32)>,
    n_funcs: u32,
    n_tables: u32,
    n_memories: u32,
    globals: Vec<LinkedGlobal>,
}

impl LinkedModule {
    /// Links the modules of all members, in the order in which they are instantiated.
    pub(super) fn of(
        graph: &Graph<'_>,
        members: &BTreeSet<u32>,
        needed: &BTreeSet<Item>,
    ) -> Result<Self, Unlinkable> {
        let mut linker = Linker::default();
        for instance in members {
            linker.add(graph, *instance)?;
        }
        let exports = linker.exports(graph, needed)?;
        linker.find_constants(&exports)?;
        let (mut names, mut section) = (BTreeMap::new(), enc::ExportSection::new());
        for (item, (kind, number)) in exports {
            let name = names.len().to_string();
            let (kind, number) = linker.export(kind, number)?;
            section.export(&name, kind, number);
            names.insert(item, name);
        }
        Ok(Self {
            bytes: linker.encode(&section)?,
            imports: linker.imports.iter().map(|(func, _)| *func).collect(),
            exports: names,
        })
    }
}

impl<'a> Module<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Unlinkable> {
        let mut source = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            source.take(payload?)?;
        }
        Ok(source)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<(), Unlinkable> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.imports.push(import?);
                }
            }
            Payload::FunctionSection(section) => self.funcs = all(section)?,
            Payload::TableSection(section) => self.tables = all(section)?,
            Payload::MemorySection(section) => self.memories = all(section)?,
            Payload::GlobalSection(section) => self.globals = all(section)?,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let item = (Kind::of(export.kind)?, export.index);
                    self.exports.insert(export.name, item);
                }
            }
            Payload::ElementSection(section) => self.elements = Some(section),
            Payload::DataSection(section) => self.data = Some(section),
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            // It would run before the modules after it have filled memory and tables.
            Payload::StartSection { .. } => {
                return Err(Unlinkable::Unknown("one has a start function"));
            }
            Payload::TagSection(_) => {
                return Err(Unlinkable::Unknown("they have tags of exceptions"));
            }
            _ => {}
        }
        Ok(())
    }

    fn n_data(&self) -> u32 {
        self.data.as_ref().map_or(0, |section| section.count())
    }
}

fn all<'a, T: wasmparser::FromReader<'a>>(
    section: wasmparser::SectionLimited<'a, T>,
) -> Result<Vec<T>, Unlinkable> {
    Ok(section.into_iter().collect::<Result<_, _>>()?)
}

impl<'a> Linker<'a> {
    /// Adds the module of an instance. What it imports was added before.
    fn add(&mut self, graph: &Graph<'a>, instance: u32) -> Result<(), Unlinkable> {
        let CoreInstance::Of { module, args } = &graph.instances[instance as usize] else {
            return Err(Unlinkable::Unknown("an instance has no module"));
        };
        let source = Module::read(graph.modules[*module as usize])?;
        let mut numbers = Numbers {
            types: source.types.iter().map(|ty| self.type_number(ty)).collect(),
            first_element: self.n_elements(),
            first_data: self.sources.iter().map(Module::n_data).sum(),
            ..Numbers::default()
        };
        for import in &source.imports {
            let arg = args.get(import.module);
            let arg = *arg.ok_or(Unlinkable::Unknown("an import is missing"))?;
            self.import(graph.source(arg, import.name)?, import, &mut numbers)?;
        }
        for _ in &source.funcs {
            numbers.funcs.push(FuncNumber::Own(next(&mut self.n_funcs)));
        }
        for _ in &source.tables {
            numbers.tables.push(next(&mut self.n_tables));
        }
        for _ in &source.memories {
            numbers.memories.push(next(&mut self.n_memories));
        }
        for global in &source.globals {
            let value = self.value(&global.init_expr, &numbers)?;
            numbers.globals.push(count(self.globals.len()));
            self.globals.push(LinkedGlobal {
                ty: global.ty,
                value,
                is_constant: true,
                number: 0,
            });
        }
        self.by_instance.insert(instance, self.sources.len());
        self.sources.push(source);
        self.numbers.push(numbers);
        Ok(())
    }

    fn n_elements(&self) -> u32 {
        let elements = self.sources.iter().flat_map(|source| &source.elements);
        elements.map(|section| section.count()).sum()
    }

    fn type_number(&mut self, ty: &FuncType) -> u32 {
        let (types, next) = (&mut self.types, count(self.type_numbers.len()));
        *self.type_numbers.entry(ty.clone()).or_insert_with(|| {
            types.push(ty.clone());
            next
        })
    }

    fn import(
        &mut self,
        source: Source<'a>,
        import: &Import<'a>,
        numbers: &mut Numbers,
    ) -> Result<(), Unlinkable> {
        match (import.ty, source) {
            (TypeRef::Func(ty) | TypeRef::FuncExact(ty), Source::Outside((_, func))) => {
                let ty = at(&numbers.types, ty)?;
                numbers.funcs.push(self.import_number(func, ty));
            }
            (TypeRef::Func(_) | TypeRef::FuncExact(_), Source::Export(instance, name)) => {
                let (from, index) = self.exported(instance, name, Kind::Func)?;
                numbers.funcs.push(at(&from.funcs, index)?);
            }
            (TypeRef::Table(_), Source::Export(instance, name)) => {
                let (from, index) = self.exported(instance, name, Kind::Table)?;
                numbers.tables.push(at(&from.tables, index)?);
            }
            (TypeRef::Memory(_), Source::Export(instance, name)) => {
                let (from, index) = self.exported(instance, name, Kind::Memory)?;
                numbers.memories.push(at(&from.memories, index)?);
            }
            (TypeRef::Global(_), Source::Export(instance, name)) => {
                let (from, index) = self.exported(instance, name, Kind::Global)?;
                numbers.globals.push(at(&from.globals, index)?);
            }
            _ => return Err(Unlinkable::Unknown("an import is of another kind")),
        }
        Ok(())
    }

    fn import_number(&mut self, func: u32, ty: u32) -> FuncNumber {
        let known = self.imports.iter().position(|import| *import == (func, ty));
        let number = known.unwrap_or_else(|| {
            self.imports.push((func, ty));
            self.imports.len() - 1
        });
        FuncNumber::Import(count(number))
    }

    fn exported(
        &self,
        instance: u32,
        name: &str,
        wanted: Kind,
    ) -> Result<(&Numbers, u32), Unlinkable> {
        let unknown = Unlinkable::Unknown("an export is missing");
        let source = self.by_instance.get(&instance).ok_or(unknown)?;
        match self.sources[*source].exports.get(name) {
            Some((kind, index)) if *kind == wanted => Ok((&self.numbers[*source], *index)),
            _ => Err(Unlinkable::Unknown("an export is missing")),
        }
    }

    /// Returns what an expression comes to, if that is known before anything runs.
    fn value(
        &self,
        init: &ConstExpr<'_>,
        numbers: &Numbers,
    ) -> Result<Option<Constant>, Unlinkable> {
        let mut operators = init.get_operators_reader();
        let value = match operators.read()? {
            Operator::I32Const { value } => Some(Constant::I32(value)),
            Operator::I64Const { value } => Some(Constant::I64(value)),
            Operator::GlobalGet { global_index } => {
                let global = at(&numbers.globals, global_index)?;
                self.globals[global as usize].value
            }
            _ => None,
        };
        Ok(value.filter(|_| operators.is_end_then_eof()))
    }

    /// Returns what is exported: items by their kinds, and by their numbers among those of all.
    fn exports(
        &self,
        graph: &Graph<'a>,
        needed: &BTreeSet<Item>,
    ) -> Result<BTreeMap<Item, (Kind, FuncNumber)>, Unlinkable> {
        let mut exports = BTreeMap::new();
        for item in needed {
            let Origin::Export(instance, name) = graph.origin(*item)? else {
                continue;
            };
            if !self.by_instance.contains_key(&instance) {
                continue;
            }
            let (from, index) = self.exported(instance, name, item.0)?;
            let number = match item.0 {
                Kind::Func => at(&from.funcs, index)?,
                Kind::Table => FuncNumber::Own(at(&from.tables, index)?),
                Kind::Memory => FuncNumber::Own(at(&from.memories, index)?),
                Kind::Global => FuncNumber::Own(at(&from.globals, index)?),
            };
            exports.insert(*item, (item.0, number));
        }
        Ok(exports)
    }

    /// Finds out which globals are never set, and numbers the others.
    fn find_constants(
        &mut self,
        exports: &BTreeMap<Item, (Kind, FuncNumber)>,
    ) -> Result<(), Unlinkable> {
        for (source, numbers) in self.sources.iter().zip(&self.numbers) {
            for body in &source.bodies {
                let mut operators = body.get_operators_reader()?;
                while !operators.eof() {
                    if let Operator::GlobalSet { global_index } = operators.read()? {
                        let global = at(&numbers.globals, global_index)?;
                        self.globals[global as usize].is_constant = false;
                    }
                }
            }
        }
        for (kind, number) in exports.values() {
            if let (Kind::Global, FuncNumber::Own(global)) = (kind, number) {
                self.globals[*global as usize].is_constant = false;
            }
        }
        let mut number = 0;
        for global in &mut self.globals {
            if global.constant().is_none() {
                global.number = next(&mut number);
            }
        }
        Ok(())
    }

    fn export(&self, kind: Kind, number: FuncNumber) -> Result<(enc::ExportKind, u32), Unlinkable> {
        Ok(match (kind, number) {
            (Kind::Func, number) => (enc::ExportKind::Func, number.after(self.n_imports())),
            (Kind::Table, FuncNumber::Own(number)) => (enc::ExportKind::Table, number),
            (Kind::Memory, FuncNumber::Own(number)) => (enc::ExportKind::Memory, number),
            (Kind::Global, FuncNumber::Own(global)) => {
                let number = self.globals[global as usize].number;
                (enc::ExportKind::Global, number)
            }
            _ => return Err(Unlinkable::Unknown("an import is of another kind")),
        })
    }

    fn n_imports(&self) -> u32 {
        count(self.imports.len())
    }

    fn encode(&self, exports: &enc::ExportSection) -> Result<enc::Module, Unlinkable> {
        let (mut types, mut imports) = (enc::TypeSection::new(), enc::ImportSection::new());
        let (mut funcs, mut tables) = (enc::FunctionSection::new(), enc::TableSection::new());
        let (mut memories, mut globals) = (enc::MemorySection::new(), enc::GlobalSection::new());
        let (mut elements, mut code) = (enc::ElementSection::new(), enc::CodeSection::new());
        let mut data = enc::DataSection::new();
        let mut n_data = 0;
        let mut all_globals = self.globals.iter();
        for (number, (_, ty)) in self.imports.iter().enumerate() {
            imports.import(IMPORTS, &number.to_string(), enc::EntityType::Function(*ty));
        }
        for (source, numbers) in self.sources.iter().zip(&self.numbers) {
            let mut writer = BodyWriter {
                numbers,
                globals: &self.globals,
                n_imports: self.n_imports(),
            };
            for ty in &source.funcs {
                funcs.function(writer.type_index(*ty)?);
            }
            for table in &source.tables {
                writer.parse_table(&mut tables, table.clone())?;
            }
            for memory in &source.memories {
                memories.memory(writer.memory_type(*memory)?);
            }
            for own in &source.globals {
                let global = all_globals
                    .next()
                    .filter(|global| global.constant().is_none());
                if let Some(global) = global {
                    let init = writer.const_expr(own.init_expr.clone())?;
                    globals.global(writer.global_type(global.ty)?, &init);
                }
            }
            if let Some(section) = source.elements.clone() {
                writer.parse_element_section(&mut elements, section)?;
            }
            for body in &source.bodies {
                writer.parse_function_body(&mut code, body.clone())?;
            }
            if let Some(section) = source.data.clone() {
                writer.parse_data_section(&mut data, section)?;
            }
            n_data += source.n_data();
        }
        let mut writer = BodyWriter {
            numbers: &Numbers::default(),
            globals: &[],
            n_imports: 0,
        };
        for ty in &self.types {
            types.ty().func_type(&writer.func_type(ty.clone())?);
        }
        let mut module = enc::Module::new();
        module.section(&types).section(&imports).section(&funcs);
        module.section(&tables).section(&memories).section(&globals);
        module.section(exports).section(&elements);
        module.section(&enc::DataCountSection { count: n_data });
        module.section(&code).section(&data);
        Ok(module)
    }
}

pub(super) fn at<T: Copy>(items: &[T], index: u32) -> Result<T, Unlinkable> {
    let item = items.get(index as usize).copied();
    item.ok_or(Unlinkable::Unknown("an item is missing"))
}

pub(super) fn next(counter: &mut u32) -> u32 {
    let number = *counter;
    *counter += 1;
    number
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a component has less than 4 GiB")
}
