variable "environment" {
  description = "What the names of the resources end in."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "functions" {
  description = "Names of the functions, by their names in infra/facts.json; there is a consumer always."
  type        = map(string)
}

variable "tables" {
  description = "Names of the tables, by their names in infra/facts.json."
  type        = map(string)
}

variable "stream_name" {
  description = "Name of the stream of trades."
  type        = string
}

variable "bucket_name" {
  description = "Name of the bucket of everything that is kept."
  type        = string
}

variable "queue_name" {
  description = "Name of the queue of the events that did not reach the producer, null without one."
  type        = string
}

variable "producer" {
  description = "Where the trades come from: lambda, ecs or none."
  type        = string
}

variable "key_arn" {
  description = "ARN of the key that encrypts the topic."
  type        = string
}

variable "email" {
  description = "Who gets the messages, or \"\"."
  type        = string
}
