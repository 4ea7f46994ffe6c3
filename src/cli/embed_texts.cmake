# cmake -DOUTPUT=embedded_texts.cpp -DFOLDER=src/cli -P embed_texts.cmake
# The .md files of the commands and the shells' scripts as string literals: no files are needed at run time.
function(read_texts out pattern prefix variable)
  file(GLOB files ${FOLDER}/${pattern})
  list(SORT files)
  set(entries "")
  foreach(file IN LISTS files)
    file(READ ${file} text)
    get_filename_component(name ${file} NAME)
    string(REGEX REPLACE "${prefix}" "" name ${name})
    string(APPEND entries "  if (${variable} == \"${name}\") return R\"~text~(${text})~text~\";\n")
  endforeach()
  set(${out} "${entries}" PARENT_SCOPE)
endfunction()

read_texts(help "commands/*.md" "\\.md$" topic)
read_texts(shells "shells/completion.*" "^completion\\." shell)
file(WRITE ${OUTPUT} "#include \"cli/completion.h\"
#include \"cli/help.h\"

namespace cove {

std::string_view help_text(std::string_view topic) {
${help}  return {};
}

std::string_view completion_script(std::string_view shell) {
${shells}  return {};
}

}  // namespace cove
")
